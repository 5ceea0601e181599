// Processing element of a weight-stationary systolic array: inputs pass to the right, partial sums
// down, a cycle each; weights are shifted down and stay. It multiplies BF16 by BF16, each weight
// converted at the array's edge, or with INT4 by the 4-bit weight itself. Product and sum are rounded
// one after the other. PRODUCT_REGISTER puts a register between them, for a shorter clock; SUBNORMALS as in
// bf16_multiplier.
module systolic_pe #(
    parameter INT4 = 0,
    parameter PRODUCT_REGISTER = 0,
    parameter SUBNORMALS = 1
) (
    input                          clk,
    input                          shift_weight,
    input [(INT4 ? 4 : 16) - 1:0]  weight_in,
    output [(INT4 ? 4 : 16) - 1:0] weight_out,
    input [15:0]                   input_in,
    output reg [15:0]              input_out,
    input [15:0]                   sum_in,
    output reg [15:0]              sum_out
);
    reg [(INT4 ? 4 : 16) - 1:0] weight;
    wire [15:0]                 product, operand, sum;

    assign weight_out = weight;

    generate
        if (INT4) begin : int4
            bf16_int4_multiplier multiplier (
                .a(input_out), .sign(weight[3]), .magnitude(weight[2:0]), .product(product)
            );
        end else begin : bf16
            bf16_multiplier #(.SUBNORMALS(SUBNORMALS)) multiplier (
                .a(input_out), .b(weight), .product(product)
            );
        end
        if (PRODUCT_REGISTER) begin : pipelined
            reg [15:0] held;
            always @(posedge clk) held <= product;
            assign operand = held;
        end else begin : direct
            assign operand = product;
        end
    endgenerate
    bf16_adder accumulator (.a(sum_in), .b(operand), .sum(sum));

    always @(posedge clk) begin
        if (shift_weight) weight <= weight_in;
        input_out <= input_in;
        sum_out <= sum;
    end
endmodule
