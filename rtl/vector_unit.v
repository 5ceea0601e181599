// Vector unit: LANES multipliers that scale values by a factor of their row, an eighth of the rows a
// cycle: outputs of a GEMM by their weights' scale, or exponentials by the reciprocal of their sum in
// softmax's second pass. With DIVIDE the lanes divide instead, and the factor is the sum itself. A sum
// of 0 (a row without any key) counts as 1. The factors are held here, eight a lane.
module vector_unit #(
    parameter LANES = 1, // H / 8
    parameter DIVIDE = 0
) (
    input                 clk,
    input                 load,      // the factor of one row
    input [2:0]           load_eighth,
    input [LANES-1:0]     load_lane, // one of them
    input                 is_sum,    // or else a scale
    input [15:0]          factor,
    input [2:0]           eighth,    // of the rows, that the values are of
    input [16*LANES-1:0]  values,
    output [16*LANES-1:0] results    // a cycle later
);
    wire [15:0] divisor = is_sum & factor[14:0] == 0 ? 16'h3F80 : factor;
    wire [15:0] held;

    genvar l;
    generate
        if (DIVIDE) begin : quotients
            assign held = divisor;
        end else begin : reciprocals
            wire [15:0] reciprocal;
            bf16_divider divider (.a(16'h3F80), .b(divisor), .quotient(reciprocal));
            assign held = is_sum ? reciprocal : factor;
        end
        for (l = 0; l < LANES; l = l + 1) begin : lane
            reg [15:0]  factors [0:7];
            reg [15:0]  result;
            wire [15:0] scaled;
            if (DIVIDE) begin : divide
                bf16_divider divider (
                    .a(values[16*l +: 16]), .b(factors[eighth]), .quotient(scaled)
                );
            end else begin : multiply
                bf16_multiplier multiplier (
                    .a(values[16*l +: 16]), .b(factors[eighth]), .product(scaled)
                );
            end
            always @(posedge clk) begin
                if (load & load_lane[l]) factors[load_eighth] <= held;
                result <= scaled;
            end
            assign results[16*l +: 16] = result;
        end
    endgenerate
endmodule
