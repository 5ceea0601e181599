// Tree that finds the largest of N exponents, which places the sliding window.
module maximum_tree #(
    parameter N = 8
) (
    input [8*N-1:0] exponents,
    output [7:0]    maximum
);
    // node 0 is the root, the children of node i are 2i+1 and 2i+2, the last N nodes are the leaves
    wire [8*(2*N-1)-1:0] nodes;

    genvar i;
    generate
        for (i = 0; i < N - 1; i = i + 1) begin : node
            wire [7:0] left = nodes[8*(2*i+1) +: 8];
            wire [7:0] right = nodes[8*(2*i+2) +: 8];
            assign nodes[8*i +: 8] = left > right ? left : right;
        end
    endgenerate
    assign nodes[8*(N-1) +: 8*N] = exponents;
    assign maximum = nodes[7:0];
endmodule
